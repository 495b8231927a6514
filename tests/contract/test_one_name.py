"""One name for one thing: a native bill and the same provider's FOCUS export agree on providers, publishers, services and categories."""

from decimal import Decimal
from pathlib import Path

from tests.contract.test_mappings import map_file

NAMES = (
    "ProviderName",
    "ServiceProviderName",
    "HostProviderName",
    "PublisherName",
    "ServiceName",
    "ServiceCategory",
    "ServiceSubcategory",
)
CUR_HEADER = (
    "identity/LineItemId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,bill/PayerAccountId,bill/BillingEntity,lineItem/UsageAccountId,"
    "lineItem/CurrencyCode,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/LineItemType,lineItem/UnblendedCost,lineItem/UsageAmount,"
    "lineItem/ProductCode,product/ProductName,lineItem/UsageType,lineItem/LegalEntity"
)
AZURE_HEADER = (
    "InvoiceSectionName,AccountName,BillingAccountId,BillingPeriodStartDate,BillingPeriodEndDate,SubscriptionId,Date,MeterCategory,MeterId,"
    "Quantity,EffectivePrice,Cost,UnitPrice,BillingCurrency,ResourceLocation,ConsumedService,ResourceId,ChargeType,PublisherType,"
    "PublisherName,Frequency,PricingModel,UnitOfMeasure"
)
FOCUS_HEADER = (
    "BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ProviderName,PublisherName,"
    "InvoiceIssuerName,BilledCost,EffectiveCost,ListCost,ContractedCost,PricingQuantity,PricingUnit,ChargeCategory,ChargeFrequency,"
    "ServiceName,ServiceCategory,ChargeDescription,x_UsageType"
)


def names_by_line(source_format: str, folder: Path, header: str, lines: list[str]) -> list[dict[str, object]]:
    """The names on each mapped line, in the order of the lines."""
    bill = folder / f"{source_format}.csv"
    bill.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    found, rows = map_file(bill, {})
    assert found == source_format
    assert [row["quarantine_reason"] for row in rows] == [None] * len(lines)
    in_order = sorted(rows, key=lambda row: Decimal(str(row["BilledCost"])))
    return [{name: row[name] for name in NAMES} for row in in_order]


def cur(entity: str, code: str, product: str, usage_type: str, legal_entity: str) -> str:
    day = "2026-03-02T05:00:00Z,2026-03-02T06:00:00Z"
    return (
        f"{code}{usage_type},2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,1,{entity},2,USD,{day},Usage,COST,1,"
        f'{code},"{product}",{usage_type},"{legal_entity}"'
    )


def focus(provider: str, publisher: str, service: str, category: str, meter: str = "", description: str = "") -> str:
    times = "2026-03-01T00:00:00Z,2026-04-01T00:00:00Z,2026-03-02T05:00:00Z,2026-03-02T06:00:00Z"
    return (
        f'1,USD,{times},{provider},"{publisher}","{publisher}",COST,COST,COST,COST,1,Units,Usage,Usage-Based,"{service}",{category},'
        f'"{description}",{meter}'
    )


def azure(resource: str, consumed: str) -> str:
    path = f"/subscriptions/s/resourceGroups/g/providers/{resource}"
    charge = f"X,m,1,COST,COST,COST,USD,westeurope,{consumed},{path},Usage,Azure,Microsoft,UsageBased,OnDemand,1"
    return f"i,a,1,03/01/2026,03/31/2026,s,03/02/2026,{charge}"


INC, SARL = "Amazon Web Services, Inc.", "Amazon Web Services EMEA SARL"
EC2 = "Amazon Elastic Compute Cloud"
CLAUDE = "Claude 3.5 Sonnet (Amazon Bedrock Edition)"


# a line of the CUR, and the same line of the FOCUS export
AWS_LINES = [
    (cur("AWS", "AmazonEC2", EC2, "BoxUsage:m5.large", INC), focus("AWS", INC, EC2, "Compute", "BoxUsage:m5.large")),
    (cur("AWS", "AmazonEC2", EC2, "EBS:VolumeUsage.gp3", INC), focus("AWS", INC, EC2, "Storage", "EBS:VolumeUsage.gp3")),
    (cur("AWS", "AmazonEC2", EC2, "NatGateway-Hours", SARL), focus("AWS", SARL, EC2, "Compute", "NatGateway-Hours")),
    (
        cur("AWS", "AmazonEC2", EC2, "NatGateway-Bytes", INC),
        focus("AWS", INC, EC2, "Compute", "", "$0.045 per GB Data Processed by NAT Gateways"),
    ),
    (
        cur("AWS", "AmazonEC2", EC2, "USW2-USE1-AWS-Out-Bytes", INC),
        focus("AWS", INC, EC2, "Compute", "", "$0.02 per GB - US West (Oregon) data transfer to US East (Northern Virginia)"),
    ),
    (cur("AWS", "awskms", "AWS Key Management Service", "KMS-Keys", INC), focus("AWS", INC, "AWS Key Management Service", "Identity")),
    (cur("AWS", "AmazonStates", "AWS Step Functions", "X", INC), focus("AWS", INC, "AWS Step Functions", "Compute")),
    (cur("AWS", "AmazonECS", "", "X", INC), focus("AWS", INC, "Amazon Elastic Container Service", "Other")),
    (cur("AWS", "AmazonCloudWatch", "", "X", INC), focus("AWS", "AWS", "Amazon CloudWatch", "Management and Governance")),
    (cur("AWS Marketplace", "7g3", CLAUDE, "MP:InputTokenCount", "Anthropic, PBC"), focus("AWS", "Anthropic, PBC", CLAUDE, "Other")),
]  # fmt: skip

# resource, consumed service, and the service and category that Microsoft's FOCUS export gives
AZURE_LINES = [
    ("Microsoft.Compute/virtualMachines/v", "Microsoft.Compute", "Virtual Machines", "Compute"),
    ("Microsoft.Storage/storageAccounts/s", "Microsoft.Storage", "Storage Accounts", "Storage"),
    ("Microsoft.DBforMySQL/servers/d", "Microsoft.DBforMySQL", "Azure DB for MySQL", "Databases"),
    ("Microsoft.CognitiveServices/accounts/a", "Microsoft.CognitiveServices", "Azure AI Services", "AI and Machine Learning"),
    ("Microsoft.KeyVault/vaults/k", "Microsoft.EventGrid", "Key Vault", "Security"),
    ("Microsoft.Web/sites/f", "Functions", "Functions", "Compute"),
]  # fmt: skip


def numbered(lines: list[str]) -> list[str]:
    """The lines with costs of 1, 2, 3, ..., so that they can be put in order again."""
    return [line.replace("COST", str(number)) for number, line in enumerate(lines, start=1)]


def test_cur_lines_and_the_same_lines_of_the_focus_export_have_the_same_names(tmp_path: Path) -> None:
    native = names_by_line("aws_cur", tmp_path, CUR_HEADER, numbered([line for line, _ in AWS_LINES]))
    assert native == names_by_line("focus", tmp_path, FOCUS_HEADER, numbered([line for _, line in AWS_LINES]))


def test_azure_lines_and_the_same_lines_of_the_focus_export_have_the_same_names(tmp_path: Path) -> None:
    native = names_by_line(
        "azure_cost",
        tmp_path,
        AZURE_HEADER,
        numbered([azure(resource, consumed) for resource, consumed, *_ in AZURE_LINES]),
    )
    exported = [focus("Microsoft", "Microsoft", service, category) for _, _, service, category in AZURE_LINES]
    assert native == names_by_line("focus", tmp_path, FOCUS_HEADER, numbered(exported))
