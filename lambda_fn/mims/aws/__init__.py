"""What only the Lambda function needs: events, S3, logs and metrics."""
