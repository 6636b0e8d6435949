"""What the Kinesis sink needs of AWS: whose name it acts in, where, and what is said."""
