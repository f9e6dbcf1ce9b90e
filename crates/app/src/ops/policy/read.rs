//! Files of policies, claims and tokens; `-` is standard input, once.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pintail_core::foreign_text;
use pintail_core::policy::trust::Claims;
use pintail_core::policy::{Kind, Named, Policy};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::{ClaimsFrom, PolicyError, called};
use crate::ops::Error;

/// Reads files, relative ones from a folder.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    folder: Option<PathBuf>,
    stdin_taken: bool,
}

impl Reader {
    /// Returns one that reads relative paths from the folder of a file.
    pub(super) fn beside(&self, file: &Path) -> Self {
        let folder = file.parent().filter(|_| file != Path::new("-")).map(Path::to_owned);
        Self { folder, stdin_taken: self.stdin_taken }
    }

    /// Reads a text.
    pub(super) async fn text(&mut self, path: &Path) -> Result<String, Error> {
        let bytes = Zeroizing::new(self.bytes(path).await?);
        let text = foreign_text::decode(&bytes)
            .map_err(|source| PolicyError::Text { path: path.to_owned(), source })?;
        Ok(text.to_owned())
    }

    /// Reads a policy; it is called by its file.
    pub(super) async fn policy(&mut self, path: &Path, kind: Kind) -> Result<Named, Error> {
        let text = self.text(path).await?;
        let policy = Policy::parse(&text, kind).map_err(|source| PolicyError::Document {
            path: path.to_owned(),
            kind,
            source,
        })?;
        Ok(Named::new(called(path), policy))
    }

    /// Reads claims; says whether they are of a token that nobody verified.
    pub(super) async fn claims(&mut self, from: &ClaimsFrom) -> Result<(Claims, bool), Error> {
        match from {
            ClaimsFrom::Here(claims) => Ok((claims.clone(), false)),
            ClaimsFrom::Json(path) => {
                refuse_token(path)?;
                let text = Zeroizing::new(self.text(path).await?);
                match serde_json::from_str(&text) {
                    Ok(Value::Object(claims)) => Ok((claims, false)),
                    Ok(_) => Err(claims_error(path, "it is no JSON object")),
                    Err(_) => Err(claims_error(path, "it is no JSON")),
                }
            }
            ClaimsFrom::Token(path) => {
                refuse_token(path)?;
                let text = Zeroizing::new(self.text(path).await?);
                let claims = decode(text.trim())
                    .map_err(|reason| PolicyError::Token { path: path.clone(), reason })?;
                Ok((claims, true))
            }
        }
    }

    async fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, Error> {
        if path != Path::new("-") {
            let whole = self.folder.as_ref().map_or_else(|| path.to_owned(), |folder| folder.join(path));
            return tokio::fs::read(&whole).await.map_err(|error| Error::local("read", &whole, error));
        }
        if std::mem::replace(&mut self.stdin_taken, true) {
            return Err(PolicyError::StdinTwice.into());
        }
        let mut bytes = Vec::new();
        let limit = foreign_text::FILE_SIZE_MAX as u64 + 1;
        tokio::io::stdin().take(limit).read_to_end(&mut bytes).await.map_err(Error::Stdio)?;
        Ok(bytes)
    }
}

fn claims_error(path: &Path, reason: &'static str) -> Error {
    PolicyError::Claims { path: path.to_owned(), reason }.into()
}

/// A token in place of a file would be shown to everybody who lists processes; at least it is not shown again.
///
/// # Errors
/// When the path has a token's form.
pub(crate) fn refuse_token(path: &Path) -> Result<(), PolicyError> {
    let text = path.to_string_lossy();
    if text.starts_with("eyJ") && text.matches('.').count() >= 2 && text.len() > 100 {
        return Err(PolicyError::TokenTyped);
    }
    Ok(())
}

/// Reads the claims of a token. Nothing is verified.
fn decode(token: &str) -> Result<Claims, &'static str> {
    let parts: Vec<&str> = token.split('.').collect();
    let payload = match parts.as_slice() {
        [_, payload, _] => *payload,
        [_, _, _, _, _] => return Err("it is encrypted"),
        _ => return Err("it does not have three parts with dots between them"),
    };
    let bytes =
        Zeroizing::new(URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| "it is no base64")?);
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(claims)) => Ok(claims),
        _ => Err("its middle part is no JSON object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_decoded() {
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(r#"{"sub":"a"}"#));
        assert_eq!(decode(&token).unwrap()["sub"], "a");
        for bad in ["", "a.b", "e30.!.x", "e30.e.x", "a.b.c.d.e", "e30.W10.x"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        assert!(refuse_token(Path::new(&format!("eyJ{}.b.c", "a".repeat(100)))).is_err());
        assert!(refuse_token(Path::new("eyJ.json")).is_ok());
    }
}
