SELECT count(*) FROM passed_over
