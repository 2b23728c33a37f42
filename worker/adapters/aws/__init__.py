"""Our ports on AWS; the only code of the worker that imports boto3 or botocore."""
