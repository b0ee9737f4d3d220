"""What differs: between two environments' plans, and between a deployment and what Terraform knows of it."""
