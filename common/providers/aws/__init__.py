"""AWS cost and usage reports and data exports."""

from common.providers.aws.cost_column import cost_column_of, cost_facts_of
from common.providers.aws.credential import read_credential
from common.providers.aws.exports import examine
from common.providers.aws.manifests import discover
from common.providers.provider import Provider, ProviderRules

PROVIDER = Provider(
    "aws",
    discover,
    examine,
    ProviderRules(cost_facts_of=cost_facts_of, cost_column_of=cost_column_of),
    read_credential,
)
