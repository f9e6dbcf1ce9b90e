//! The exchange: AWS STS calls, their answers in every dialect, and their errors.
