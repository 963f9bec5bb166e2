"""Programs made with eventkit, one folder for each; they belong to the checkout and not to the distribution."""
