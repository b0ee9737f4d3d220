"""What every service of the API is made of: its runtime, requests and answers, links, what operations share."""
