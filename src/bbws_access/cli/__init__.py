"""What the command-line tool stands on: it sets up, orders, shows and proves what Terraform does."""
