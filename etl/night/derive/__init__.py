"""Stage `derive`: tables made from mapped ones; each is one `.sql` file here, named as its table."""
