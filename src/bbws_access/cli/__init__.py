"""The command-line tool: it sets up, orders, shows and proves what Terraform does."""
