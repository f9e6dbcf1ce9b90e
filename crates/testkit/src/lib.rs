//! What the tests share: real servers, a person at a browser, recorded runs, and the rules of the house.
