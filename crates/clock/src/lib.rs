//! The Clock and Entropy traits, and their system, manual and skew implementations.
