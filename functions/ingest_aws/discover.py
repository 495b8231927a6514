"""AWS bills at a location: legacy CUR and Data Exports told by their manifests, or plain files without any."""

from common.bills.manifests_aws import discover as discover
