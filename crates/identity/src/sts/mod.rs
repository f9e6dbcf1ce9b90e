//! The exchange: AWS STS calls, their answers in every dialect, and their errors.
//!
//! [`endpoint`] finds the host, [`request`] makes the texts, [`answer`] and [`error`] read what comes back, and
//! [`mod@exchange`] and [`signed`] drive them over the HTTP seam with retries. [`duration`], [`session_name`] and [`session_policy`] choose
//! what to ask for. Nothing here keeps anything: that is `session`'s work.

pub mod answer;
pub mod duration;
pub mod endpoint;
pub mod error;
pub mod exchange;
pub mod facts;
pub mod request;
pub mod session_name;
pub mod session_policy;
pub mod signed;

pub use answer::{AnswerError, AssumedRole, CallerIdentity};
pub use duration::{DurationPlan, LearnedDuration};
pub use endpoint::{EndpointChoice, EndpointError, StsEndpoint};
pub use error::{StsCall, StsError, StsErrorKind};
pub use exchange::{
    ChainRequest, ExchangeError, ExchangeRequest, ExchangeSeams, Exchanged, caller_identity, chain, exchange,
};
pub use facts::{MaskedTokenFacts, TokenFacts};
pub use request::MfaProof;
pub use session_policy::{Access, Place, PolicyError, SessionScope};
pub use signed::{AssumeRoleRequest, SessionTokenRequest, assume_role, session_token};
