//! The tenant's side: what is there, what would change, changing it and changing it back.
//!
//! ```text
//! current (reads) ─► plan (pure) ─► change (apply, undo)
//! ```
//!
//! Everything made bears a mark: the tag [`TAG`], and notes that name the bookmark. What bears another bookmark's mark is that
//! one's; what bears none belongs to somebody else, and is changed no further than needed and never deleted.

mod change;
mod current;
mod plan;

pub(crate) use self::change::{Change, Learned, Undo, apply, undo, undo_of};
pub(crate) use self::current::{EntraCurrent, find_somebody, read};
pub(crate) use self::plan::{grant, plan, removal, revoke};

use pintail_core::name::BookmarkName;

use crate::admin::graph::Application;

/// The tag of what is made.
pub(crate) const TAG: &str = "pintail-setup";
/// The tag that has an application appear among the enterprise applications of the portal.
const VISIBLE_TAG: &str = "WindowsAzureActiveDirectoryIntegratedApp";

/// Returns the notes of an application that is made for a bookmark; they tell apart what several setups made.
pub(crate) fn notes(bookmark: &BookmarkName) -> String {
    format!(
        "Made by `pintail setup` for the bookmark {bookmark}. It signs people in for S3; `pintail setup remove` takes it away."
    )
}

/// Returns the name of the policy that fills session tags.
fn policy_name(bookmark: &BookmarkName) -> String {
    format!("pintail-setup {bookmark}: AWS session tags")
}

/// Tells whether an application was made for a bookmark.
fn is_made_for(app: &Application, notes: &str) -> bool {
    app.tags().iter().any(|tag| tag == TAG) && app.notes() == notes
}
