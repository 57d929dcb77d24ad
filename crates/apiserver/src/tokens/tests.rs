//! What makes a token good.

use super::*;

fn claims() -> Claims {
    let account = Named { name: "builder".to_owned(), uid: "sa-uid".to_owned() };
    Claims {
        aud: vec![ISSUER.to_owned()],
        exp: 2_000,
        iat: 1_000,
        iss: ISSUER.to_owned(),
        jti: "id".to_owned(),
        bound: Bound { namespace: "ns".to_owned(), serviceaccount: account, ..Bound::default() },
        nbf: 1_000,
        sub: "system:serviceaccount:ns:builder".to_owned(),
    }
}

#[test]
fn a_signed_token_reads_back_and_no_other_key_takes_it() {
    let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let token = key.sign(&claims()).unwrap();
    assert_eq!(key.verify(&token), Ok(Some(claims())));
    assert_eq!(other.verify(&token), Err("invalid signature, no keys found".to_owned()));
    assert_eq!(format!("{key:?}"), "SigningKey(redacted)");
}

#[test]
fn a_changed_token_is_refused() {
    let key = SigningKey::generate().unwrap();
    let token = key.sign(&claims()).unwrap();
    let mut stolen = claims();
    stolen.bound.serviceaccount.name = "admin".to_owned();
    let other = key.sign(&stolen).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_eq!(key.verify(&format!("{signed}.{signature}")), Err("invalid signature".to_owned()));
    assert_eq!(key.verify(&format!("{signed}.")), Err("invalid signature".to_owned()));
}

#[test]
fn a_token_cannot_choose_how_it_is_checked() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = SigningKey::generate().unwrap();
    let token = key.sign(&claims()).unwrap();
    let claims = token.split('.').nth(1).unwrap();
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","kid":"x"}"#, "{}"] {
        let forged = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header));
        assert!(key.verify(&forged).is_err(), "{header}");
    }
    for strange in ["", "a", "a.b", "a.b.c", "....", &"x".repeat(100_000)] {
        assert_eq!(key.verify(strange), Ok(None), "{strange}");
    }
}

#[test]
fn tokens_are_good_within_their_time_and_a_minute_around_it() {
    let check = |second: i64| claims().check_times(Timestamp::from_second(second).unwrap(), LEEWAY);
    assert_eq!(check(1_500), Ok(()));
    assert_eq!(check(2_060), Ok(()));
    assert_eq!(check(2_061), Err("service account token has expired".to_owned()));
    assert_eq!(check(940), Ok(()));
    assert_eq!(check(939), Err("service account token is not valid yet".to_owned()));
}

#[test]
fn a_token_stands_for_its_service_account_and_names_its_pod() {
    let mut claims = claims();
    claims.bound.pod = Some(Named { name: "p".to_owned(), uid: "p-uid".to_owned() });
    claims.bound.node = Some(Named { name: "n".to_owned(), uid: String::new() });
    let user = claims.user();
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("system:serviceaccount:ns:builder", "sa-uid"));
    assert_eq!(user.groups, ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]);
    let extra: Vec<(&str, &str)> = user.extra.iter().map(|(key, values)| (key.as_str(), values[0].as_str())).collect();
    assert_eq!(
        extra,
        [
            ("authentication.kubernetes.io/credential-id", "JTI=id"),
            ("authentication.kubernetes.io/node-name", "n"),
            ("authentication.kubernetes.io/pod-name", "p"),
            ("authentication.kubernetes.io/pod-uid", "p-uid"),
        ]
    );
}

#[test]
fn the_servers_token_must_match_wholly() {
    let token = Token::new("secret");
    assert!(token.matches(b"secret"));
    for wrong in ["", "secre", "secrets", "Secret"] {
        assert!(!token.matches(wrong.as_bytes()), "{wrong}");
    }
    assert!(!Token::new("").matches(b""));
    assert_eq!(format!("{token:?}"), "Token(redacted)");
}
