"""Azure's cost details exports."""

from common.providers.azure.credential import read_credential
from common.providers.azure.exports import examine
from common.providers.azure.manifests import discover
from common.providers.azure.twins import role_of_part
from common.providers.provider import Provider, ProviderRules

PROVIDER = Provider("azure", discover, examine, ProviderRules(role_of=role_of_part), read_credential)
