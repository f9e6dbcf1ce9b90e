//! Sign-in answers by address scheme: registering for them, and handing them to the process that waits.

use std::path::Path;

use pintail_core::secret::Secret;
use pintail_identity::oidc::handler::{DesktopFolders, HandledScheme, register, registered, unregister};
use pintail_identity::oidc::scheme::deliver as hand_over;

use super::{App, Error};

/// What is registered now, or was until now.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// The schemes.
    pub(crate) schemes: Vec<String>,
}

impl Registration {
    fn of(schemes: &[HandledScheme]) -> Self {
        Self { schemes: schemes.iter().map(|scheme| scheme.name().to_owned()).collect() }
    }
}

/// Registers this program for our scheme, and for those of Cyberduck and Mountain Duck if `ducks` says so.
pub(crate) fn install(app: &App, ducks: bool) -> Result<Registration, Error> {
    let schemes: &[HandledScheme] = if ducks { &HandledScheme::ALL } else { &[HandledScheme::Pintail] };
    let program =
        std::env::current_exe().map_err(|source| Error::local("find", Path::new("this program"), source))?;
    register(&program, schemes, &folders(app))?;
    Ok(Registration::of(schemes))
}

/// Undoes the registration.
pub(crate) fn uninstall(app: &App) -> Result<Registration, Error> {
    let schemes = registered(&folders(app))?;
    unregister(&folders(app))?;
    Ok(Registration::of(&schemes))
}

/// Tells whether addresses of a scheme are opened with this program, as far as that can be known.
pub(crate) fn is_handled(app: &App, scheme: &str) -> bool {
    registered(&folders(app)).is_ok_and(|schemes| schemes.iter().any(|known| known.name() == scheme))
}

/// Hands an answer to the process that waits for it.
pub(crate) async fn deliver(app: &App, url: String) -> Result<(), Error> {
    Ok(hand_over(&Secret::new(url), &app.environment().folders.runtime).await?)
}

fn folders(app: &App) -> DesktopFolders {
    let folders = &app.environment().folders;
    DesktopFolders { data: folders.desktop_data.clone(), config: folders.desktop_config.clone() }
}
