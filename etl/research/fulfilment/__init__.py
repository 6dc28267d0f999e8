"""What an approved request becomes: its project space, built, tested, opened, shut and destroyed as the chain says."""
