//! Any bytes as the files of the AWS tools: no panic, and every profile means something or has a reason why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pintail_core::aws_config::SharedConfig;
use pintail_core::import;

fuzz_target!(|bytes: &[u8]| {
    // A zero byte parts the one file from the other.
    let mut files = bytes.splitn(2, |&byte| byte == 0);
    let Ok(config) = SharedConfig::parse(files.next(), files.next()) else { return };
    for name in config.profiles() {
        let profile = config.profile(name).expect("a profile that is listed");
        for key in profile.keys() {
            let _ = (profile.get(key), profile.get_nested(key, "inner"));
        }
        let _ = config.resolve(name).map_err(|error| error.to_string());
    }
    let imported = import::aws::read(&config);
    assert!(imported.found.len() + imported.skipped.len() <= config.profiles().len());
});
