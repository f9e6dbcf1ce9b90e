//! Words and rules: the names, addresses, secrets, signatures and seams that every other crate shares.
//!
//! Pure: no I/O, no async runtime, no environment, no clock of its own. Time, chance and the network come in through
//! [`seam`]; everything else is a value in and a value out, tested by tables and properties.

pub mod address;
pub mod aws_config;
pub mod bookmark;
pub mod checksum;
pub mod command_line;
pub mod connection;
pub mod credential;
pub mod foreign_text;
pub mod import;
pub mod java_properties;
pub mod name;
pub mod pasted;
pub mod policy;
pub mod profile;
pub mod property_list;
pub mod redact;
pub mod retry;
pub mod seam;
pub mod secret;
pub mod setting;
pub mod share;
pub mod sign;
pub mod web_address;
