# No test here has credentials. What asks for the account says so itself: place.tftest.hcl.

check_account = false
