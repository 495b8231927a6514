"""The nearest real peers of Google's services, started and stopped by whoever tests against them."""
