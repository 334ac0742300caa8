"""The debt of a whole portfolio on a day: the fold of rules.loan over columns of numbers, a million loans at once."""
