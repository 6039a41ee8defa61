"""What `equal-stream doctor` tries: each dependency once, with a finding that says what to do.

`finding` is what a check returns, `order` lists the checks, and the other modules hold them. A new check
is one function and one row in `order`.
"""
