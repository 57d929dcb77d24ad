//! JSON Web Tokens, signed with one key and one algorithm (RFC 7515, RFC 7519: ES256).
//!
//! The few lines are ours, over `ring`, because the crates for it bring a second cryptographic library or many
//! algorithms; here the algorithm is fixed, so a token cannot choose how it is checked. Tokens are untrusted until the
//! signature is good: their length is bounded, and only the issuer is read before.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Claims, ISSUER};

/// Longer tokens are none of ours.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What stands before an uncompressed P-256 point in a `SubjectPublicKeyInfo`.
const PUBLIC_KEY_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why a token cannot be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwtError {
    /// The system gives no randomness.
    #[error("make a signing key")]
    Key,
    /// The signature failed.
    #[error("sign a token")]
    Sign,
}

/// The key that signs and checks tokens.
pub(crate) struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// The digest of the public key, as upstream names its keys.
    id: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

impl SigningKey {
    /// Makes a key.
    pub(crate) fn generate() -> Result<Self, JwtError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| JwtError::Key)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).map_err(|_| JwtError::Key)?;
        let digest = Sha256::new().chain_update(PUBLIC_KEY_PREFIX).chain_update(pair.public_key()).finalize();
        Ok(Self { pair, random, id: URL_SAFE_NO_PAD.encode(digest) })
    }

    /// Signs claims.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, JwtError> {
        let header = json!({"alg": "ES256", "kid": self.id});
        let claims = serde_json::to_vec(claims).expect("claims are plain data");
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, token.as_bytes()).map_err(|_| JwtError::Sign)?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }

    /// Reads the claims of a token of ours; `None` when it is no such token at all.
    ///
    /// # Errors
    /// When the token names our issuer but was not signed with this key.
    pub(crate) fn verify(&self, token: &str) -> Result<Option<Claims>, String> {
        let Some(parts) = Parts::split(token) else { return Ok(None) };
        if parts.header.alg != "ES256" || parts.header.kid != self.id {
            return Err("invalid signature, no keys found".to_owned());
        }
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key());
        let good = key.verify(parts.signed.as_bytes(), &parts.signature).is_ok();
        let claims = serde_json::from_slice(&parts.claims).ok().filter(|_| good);
        claims.map(Some).ok_or_else(|| "invalid signature".to_owned())
    }

    /// The public half as a JSON Web Key Set.
    pub(crate) fn key_set(&self) -> Value {
        let point = &self.pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        json!({"keys": [{
            "use": "sig",
            "kty": "EC",
            "kid": self.id,
            "crv": "P-256",
            "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    alg: String,
    #[serde(default)]
    kid: String,
}

#[derive(Deserialize)]
struct Issued {
    #[serde(default)]
    iss: String,
}

/// A token taken apart, of our issuer by its own word.
struct Parts<'a> {
    header: Header,
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Option<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let claims = decode(claims)?;
        let issued: Issued = serde_json::from_slice(&claims).ok()?;
        if issued.iss != ISSUER {
            return None;
        }
        let header = serde_json::from_slice(&decode(header)?).ok()?;
        Some(Self { header, signed, claims, signature: decode(signature)? })
    }
}
