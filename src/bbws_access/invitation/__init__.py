"""The invitation service: who is invited, the mails that carry the tokens, and what accepting grants."""
