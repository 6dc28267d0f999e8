"""`etl profile`: what an export that nobody knows looks like, without a value of a patient."""
