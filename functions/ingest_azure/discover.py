"""Azure exports at a location: runs told by their manifests, or plain files without any."""

from common.bills.manifests_azure import discover as discover
