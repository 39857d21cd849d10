"""What only door one, the Lambda function, needs: events, S3, logs and metrics."""
