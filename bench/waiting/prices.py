"""List prices, in US dollars: us-east-1, first tier, no free tier, Linux on Arm. Change them here.

Read in November 2026 from copies of the pages named below that were made between March and June
2026. Other regions cost up to a third more; the ratios hardly differ.
"""

from __future__ import annotations

from typing import Final

LAMBDA_GB_S: Final = 0.0000133334
"""A GB-second (Source: aws.amazon.com/lambda/pricing, Arm)."""

LAMBDA_REQUEST: Final = 0.20e-6
"""An invocation (Source: the same)."""

SQS_REQUEST: Final = 0.40e-6
"""A request to a standard queue, of up to 64 KB (Source: aws.amazon.com/sqs/pricing)."""

DYNAMODB_WRITE: Final = 0.625e-6
"""A write request unit, on demand (Source: aws.amazon.com/dynamodb/pricing/on-demand)."""

DYNAMODB_READ: Final = 0.125e-6
"""A read request unit, on demand (Source: the same)."""

SNS_PUBLISH: Final = 0.50e-6
"""A published message; its delivery to SQS is free (Source: aws.amazon.com/sns/pricing)."""

S3_PUT: Final = 0.005 / 1000
"""A PUT to S3 Standard (Source: aws.amazon.com/s3/pricing)."""

S3_GET: Final = 0.0004 / 1000
"""A GET from S3 Standard (Source: the same)."""

FARGATE_VCPU_H: Final = 0.03238
"""A vCPU for an hour (Source: aws.amazon.com/fargate/pricing, Linux on Arm)."""

FARGATE_GB_H: Final = 0.00356
"""A GB of memory for an hour (Source: the same)."""

FARGATE_SPOT_SHARE: Final = 0.3
"""What Spot costs of it: up to 70 % less; it moves (Source: the same)."""

PUBLIC_IPV4_H: Final = 0.005
"""A public IPv4 address for an hour: the cheapest way from a task to Hautech (Source:
aws.amazon.com/vpc/pricing). A NAT gateway costs nine times as much."""

MONTH_H: Final = 730
"""Hours of a month."""
