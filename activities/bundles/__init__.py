"""The proof bundle of one loan: everything the lender can show of it, signed, and checked without our database."""
