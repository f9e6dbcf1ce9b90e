//! Asks for a credential as a client of the AWS SDK does: `cargo run -p pintail-connect --features aws-sdk --example aws_sdk -- BOOKMARK`.
//!
//! A real program gives the provider to the SDK and never sees the credential:
//!
//! ```text
//! let config = aws_config::defaults(BehaviorVersion::latest()).credentials_provider(credentials).load().await;
//! let s3 = aws_sdk_s3::Client::new(&config);
//! ```

use std::error::Error;
use std::io::Write;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use pintail_connect::face::PintailCredentials;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let bookmark = std::env::args().nth(1).ok_or("name a bookmark")?;
    let credentials = PintailCredentials::open(&bookmark).await?;
    // The form in which the configuration of every client keeps its provider.
    let provider = SharedCredentialsProvider::new(credentials);
    let now = provider.provide_credentials().await?;
    // Their `Debug` hides the secret and tells the end.
    writeln!(std::io::stdout(), "{now:?}")?;
    Ok(())
}
