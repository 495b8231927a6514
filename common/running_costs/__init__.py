"""What running the platform costs: the model of docs/cost.md, and what each organization took by it."""
