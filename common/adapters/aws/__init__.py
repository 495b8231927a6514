"""Places and services of AWS.  boto3 is imported here only."""
