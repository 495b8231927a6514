"""Places of OCI, by its REST interface: the SDK takes 500 MB."""
