"""HTTP surfaces of Costwire, served by functions of the cloud and by `costwire serve`."""
