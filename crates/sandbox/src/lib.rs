//! A small cloud in one process: an Entra-like issuer, IAM, STS and S3 over one world.
