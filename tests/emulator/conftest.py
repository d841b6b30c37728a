# These run on ministack's own interpreter and cannot be imported here, where doctests are looked for.
collect_ignore = ["amends"]
