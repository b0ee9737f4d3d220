"""Who may do what: the rules, apart from tokens, HTTP and storage. The authorizer and every service share them."""
