//! IAM policies: read, asked, and explained line by line.
//!
//! Pure, and written from IAM's documented logic alone; it shares nothing with the sandbox's own evaluator, so that a wrong reading
//! of the documentation does not agree with itself.
//!
//! | question | begin with |
//! |---|---|
//! | what does this document say, and where is it wrong? | [`Policy::parse`] |
//! | would this request be allowed, and by which statement? | [`evaluate()`] |
//! | would STS give this ID token the role? | [`trust::evaluate`] |
//! | what does a request to S3 look like to a policy? | [`session::Session`] |
//! | what should nobody write, though IAM accepts it? | [`lint`](mod@lint) |
//!
//! # Example
//! ```
//! use pintail_core::policy::{Caller, Context, Kind, Named, Policy, PolicySet, Request, evaluate};
//!
//! let text = r#"{"Version": "2012-10-17", "Statement": {
//!     "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::photos/${aws:PrincipalTag/team}/*"
//! }}"#;
//! let reading = Named::new("reading.json", Policy::parse(text, Kind::Identity)?);
//! let policies = PolicySet { identity: vec![reading], ..PolicySet::default() };
//! let mut context = Context::new();
//! context.set("aws:PrincipalTag/team", "birds");
//! let verdict = evaluate(&policies, &Request {
//!     caller: Caller::parse("arn:aws:sts::123456789012:assumed-role/Reader/ann")?,
//!     action: "s3:GetObject".into(),
//!     resource: "arn:aws:s3:::photos/birds/pintail.jpg".into(),
//!     resource_account: None,
//!     context,
//! });
//! assert!(verdict.is_allow());
//! assert_eq!(verdict.decided_by().unwrap().index, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is not modelled: access control lists, block public access, VPC endpoint policies, access points, encryption keys with policies of
//! their own, and services' own rules.

mod compare;
mod condition;
mod document;
mod evaluate;
mod json;
pub mod lint;
mod operator;
mod parse;
mod pattern;
mod principal;
mod request;
pub mod session;
mod trace;
pub mod trust;

pub use document::{Condition, Effect, Kind, Patterns, Policy, Principal, Principals, Statement, Version};
pub use evaluate::{Named, PolicySet, evaluate};
pub use operator::{Comparison, Operator, Quantifier, operator_names};
pub use parse::{ParseError, Problem};
pub use principal::Reach;
pub use request::{Absence, Caller, Context, Entry, NoCaller, PROVIDER_KEYS, Request, can_have_several};
pub use trace::{
    ConditionTrace, Decision, Obstacle, PartTrace, PolicyTrace, Reason, StatementRef, StatementTrace,
    Verdict, Wanted, Why,
};
