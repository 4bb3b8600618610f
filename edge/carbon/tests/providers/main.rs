//! The providers against a server on this machine that answers as the services do: values and nulls, delays, wrong
//! zones, expired tokens, limits and outages. The shapes are those of the services; the numbers are made up.

mod server;

use headwater_carbon::signal::{Origin, Provider, SignalError, SourceSettings};
use headwater_carbon::{CarbonSettings, Intensity, Notice};
use server::{Reply, Server};

/// 2026-01-15T12:10:00Z.
const NOW_MS: i64 = 1_768_479_000_000;
const MINUTE_MS: i64 = 60_000;
const TIMEOUT_MS: u64 = 5_000;

fn provider(toml: &str) -> Box<dyn Provider> {
    let source: SourceSettings = toml::from_str(toml).expect("the settings are right");
    source.open(TIMEOUT_MS).expect("it opens")
}

fn minutes(points: &[Intensity]) -> Vec<(i64, f64, Origin)> {
    points.iter().map(|point| ((point.at_ms - NOW_MS) / MINUTE_MS, point.g_per_kwh, point.origin)).collect()
}

mod uk {
    use super::*;

    fn gb(server: &Server) -> Box<dyn Provider> {
        provider(&format!("kind = 'uk-carbon-intensity'\nurl = '{}'", server.url()))
    }

    fn region(server: &Server) -> Box<dyn Provider> {
        provider(&format!("kind = 'uk-carbon-intensity'\nregion_id = 13\nurl = '{}'", server.url()))
    }

    #[test]
    fn half_hours_are_measured_then_forecast_and_nulls_are_left_out() {
        let server = Server::start(|_| Reply::ok(include_str!("shapes/uk-national.json")));
        let points = gb(&server).fetch(NOW_MS).unwrap();
        let expected = [
            (-70, 212.0, Origin::Measured),
            (-40, 208.0, Origin::Measured),
            (-10, 201.0, Origin::Forecast),
            (50, 190.0, Origin::Forecast),
        ];
        assert_eq!(minutes(&points), expected);
        assert_eq!(server.asked(), ["/intensity/2026-01-15T11:10Z/fw48h"]);
    }

    #[test]
    fn a_region_has_its_own_half_hours() {
        let server = Server::start(|_| Reply::ok(include_str!("shapes/uk-region.json")));
        let points = region(&server).fetch(NOW_MS).unwrap();
        assert_eq!(minutes(&points), [(-10, 87.0, Origin::Forecast), (20, 91.0, Origin::Forecast)]);
        assert_eq!(server.asked(), ["/regional/intensity/2026-01-15T11:10Z/fw48h/regionid/13"]);
    }

    #[test]
    fn an_answer_about_another_region_is_refused() {
        let other = include_str!("shapes/uk-region.json").replace("\"regionid\": 13", "\"regionid\": 3");
        let server = Server::start(move |_| Reply::ok(&other));
        let error = region(&server).fetch(NOW_MS).unwrap_err();
        assert!(matches!(&error, SignalError::Zone { detail, .. } if detail.contains("region 3")), "{error}");
    }

    #[test]
    fn a_wrong_postcode_is_told_in_the_words_of_the_service() {
        let body = r#"{"error":{"code":"400 Bad Request","message":"Please enter a valid postcode"}}"#;
        let server = Server::start(move |_| Reply::status(400, body));
        let settings = format!("kind = 'uk-carbon-intensity'\npostcode = 'XX1'\nurl = '{}'", server.url());
        let error = provider(&settings).fetch(NOW_MS).unwrap_err();
        assert!(error.needs_a_person());
        assert!(error.to_string().ends_with("the zone postcode XX1: Please enter a valid postcode"), "{error}");
    }

    #[test]
    fn only_nulls_are_nothing() {
        let body = r#"{"data":[{"from":"2026-01-15T12:00Z","to":"2026-01-15T12:30Z","intensity":{"forecast":null,"actual":null,"index":null}}]}"#;
        let server = Server::start(move |_| Reply::ok(body));
        assert!(matches!(gb(&server).fetch(NOW_MS), Err(SignalError::Empty { .. })));
    }
}

mod electricity_maps {
    use super::*;

    fn de(server: &Server) -> Box<dyn Provider> {
        provider(&format!("kind = 'electricity-maps'\nzone = 'DE'\ntoken = 'sesame'\nurl = '{}'", server.url()))
    }

    fn all(path: &str) -> Reply {
        match path.split('?').next() {
            Some("/v3/carbon-intensity/history") => Reply::ok(include_str!("shapes/electricity-maps-history.json")),
            Some("/v3/carbon-intensity/forecast") => Reply::ok(include_str!("shapes/electricity-maps-forecast.json")),
            Some("/v3/carbon-intensity/latest") => Reply::ok(include_str!("shapes/electricity-maps-latest.json")),
            _ => Reply::status(404, "no such path"),
        }
    }

    #[test]
    fn history_and_forecast_are_one_line_and_estimates_are_told() {
        let server = Server::start(|request| all(&request.path));
        let points = de(&server).fetch(NOW_MS).unwrap();
        let expected = [
            (-130, 301.0, Origin::Measured),
            (-70, 310.0, Origin::Measured),
            (-10, 322.0, Origin::Estimated),
            (50, 315.0, Origin::Forecast),
            (110, 300.0, Origin::Forecast),
        ];
        assert_eq!(minutes(&points), expected);
        assert!(server.requests().iter().all(|request| request.header("auth-token") == Some("sesame")));
        assert_eq!(server.asked()[0], "/v3/carbon-intensity/history?zone=DE");
    }

    #[test]
    fn a_forecast_that_the_plan_does_not_cover_is_asked_for_once() {
        let server = Server::start(|request| match request.path.contains("forecast") {
            true => Reply::status(403, r#"{"message":"not in your plan"}"#),
            false => all(&request.path),
        });
        let mut provider = de(&server);
        assert_eq!(provider.fetch(NOW_MS).unwrap().len(), 3);
        assert_eq!(provider.fetch(NOW_MS).unwrap().len(), 3);
        let forecasts = server.asked().iter().filter(|path| path.contains("forecast")).count();
        assert_eq!(forecasts, 1);
    }

    #[test]
    fn a_history_that_is_not_covered_is_replaced_by_the_latest_value() {
        let server = Server::start(|request| match request.path.contains("latest") {
            true => all(&request.path),
            false => Reply::status(403, "Access denied"),
        });
        assert_eq!(minutes(&de(&server).fetch(NOW_MS).unwrap()), [(-10, 322.0, Origin::Estimated)]);
    }

    #[test]
    fn a_wrong_zone_and_an_expired_token_need_a_person() {
        let server =
            Server::start(|_| Reply::status(404, r#"{"status":"error","message":"Zone 'DE' does not exist."}"#));
        let error = de(&server).fetch(NOW_MS).unwrap_err();
        assert!(matches!(error, SignalError::Zone { .. }) && error.needs_a_person(), "{error}");
        let server = Server::start(|_| Reply::status(401, r#"{"error":"Invalid auth-token sesame"}"#));
        let error = de(&server).fetch(NOW_MS).unwrap_err();
        assert!(matches!(error, SignalError::Refused { status: 401, .. }), "{error}");
        assert!(!format!("{error:?}{error}").contains("sesame"), "{error}");
    }

    #[test]
    fn an_answer_about_another_zone_is_refused() {
        let server = Server::start(|request| {
            let mut reply = all(&request.path);
            reply.body = reply.body.replace("\"DE\"", "\"FR\"");
            reply
        });
        let error = de(&server).fetch(NOW_MS).unwrap_err();
        assert!(matches!(&error, SignalError::Zone { detail, .. } if detail.contains("FR")), "{error}");
    }

    #[test]
    fn a_limit_is_told_with_its_wait() {
        let server =
            Server::start(|_| Reply { headers: vec![("Retry-After", "120")], ..Reply::status(429, "slow down") });
        let error = de(&server).fetch(NOW_MS).unwrap_err();
        assert_eq!((error.retry_after_ms(), error.needs_a_person()), (Some(120_000), false));
    }

    #[test]
    fn what_is_no_json_and_what_is_an_outage_are_told() {
        let server = Server::start(|_| Reply::ok("<html>maintenance</html>"));
        assert!(matches!(de(&server).fetch(NOW_MS), Err(SignalError::Shape { .. })));
        let server = Server::start(|_| Reply::status(503, "<html>maintenance</html>"));
        assert!(matches!(de(&server).fetch(NOW_MS), Err(SignalError::Status { status: 503, .. })));
    }
}

mod watttime {
    use super::*;

    fn caiso(server: &Server) -> Box<dyn Provider> {
        let account = "region = 'CAISO_NORTH'\nuser = 'ada'\npassword = 'lovelace'";
        provider(&format!("kind = 'watttime'\n{account}\nurl = '{}'", server.url()))
    }

    fn data(path: &str) -> Reply {
        match path.contains("/v3/forecast?") {
            true => Reply::ok(include_str!("shapes/watttime-forecast.json")),
            false => Reply::ok(include_str!("shapes/watttime-historical.json")),
        }
    }

    #[test]
    fn pounds_a_megawatt_hour_become_grams_a_kilowatt_hour() {
        let server = Server::start(|request| match request.path.as_str() {
            "/login" => Reply::ok(r#"{"token":"t1"}"#),
            path => data(path),
        });
        let points = caiso(&server).fetch(NOW_MS).unwrap();
        let grams: Vec<(i64, i64)> =
            minutes(&points).iter().map(|(at, grams, _)| (*at, grams.round() as i64)).collect();
        assert_eq!(grams, [(-10, 408), (-5, 413), (0, 454), (5, 363)]);
        assert_eq!(points[3].origin, Origin::Forecast);
        let requests = server.requests();
        assert_eq!(requests[0].header("authorization"), Some("Basic YWRhOmxvdmVsYWNl"));
        assert_eq!(requests[1].header("authorization"), Some("Bearer t1"));
        assert_eq!(requests.iter().filter(|request| request.path == "/login").count(), 1);
    }

    #[test]
    fn a_token_that_ran_out_is_renewed_once() {
        let server = Server::start(|request| match (request.path.as_str(), request.header("authorization")) {
            ("/login", _) => Reply::ok(&format!(r#"{{"token":"t{}"}}"#, request.number)),
            (_, Some("Bearer t1")) if request.number > 3 => Reply::status(401, r#"{"error":"token t1 expired"}"#),
            (path, _) => data(path),
        });
        let mut provider = caiso(&server);
        provider.fetch(NOW_MS).unwrap();
        provider.fetch(NOW_MS + MINUTE_MS).unwrap();
        let logins = server.asked().iter().filter(|path| *path == "/login").count();
        assert_eq!(logins, 2);
        provider.fetch(NOW_MS + 60 * MINUTE_MS).unwrap();
        let logins = server.asked().iter().filter(|path| *path == "/login").count();
        assert_eq!(logins, 3, "half an hour later it is renewed without a refusal");
    }

    #[test]
    fn a_wrong_password_is_refused_and_not_shown() {
        let server = Server::start(|_| Reply::status(401, "no user ada with YWRhOmxvdmVsYWNl or lovelace"));
        let error = caiso(&server).fetch(NOW_MS).unwrap_err();
        let text = format!("{error:?}{error}");
        assert!(error.needs_a_person() && !text.contains("lovelace") && !text.contains("YWRh"), "{text}");
    }

    #[test]
    fn a_percentile_is_no_intensity() {
        let server = Server::start(|request| match request.path.as_str() {
            "/login" => Reply::ok(r#"{"token":"t1"}"#),
            _ => Reply::ok(&include_str!("shapes/watttime-forecast.json").replace("lbs_co2_per_mwh", "percentile")),
        });
        let error = caiso(&server).fetch(NOW_MS).unwrap_err();
        assert!(matches!(&error, SignalError::Shape { detail, .. } if detail.contains("percentile")), "{error}");
    }
}

mod entsoe {
    use super::*;

    fn de(server: &Server) -> Box<dyn Provider> {
        provider(&format!("kind = 'entsoe'\nzone = 'DE'\ntoken = 'c0ffee-77'\nurl = '{}/api'", server.url()))
    }

    #[test]
    fn generation_by_type_becomes_grams_and_late_types_hold_it_back() {
        let server = Server::start(|_| Reply::ok(include_str!("shapes/entsoe-a75.xml")));
        let points = de(&server).fetch(NOW_MS).unwrap();
        let coal_and_sun = (820.0 + 48.0) / 2.0;
        let coal_and_more_sun = (820.0 + 3.0 * 48.0) / 4.0;
        assert_eq!(
            minutes(&points),
            [(-130, coal_and_sun, Origin::Measured), (-85, coal_and_more_sun, Origin::Measured)]
        );
        let asked = &server.asked()[0];
        for part in [
            "documentType=A75",
            "processType=A16",
            "in_Domain=10Y1001A1001A83F",
            "periodStart=202601140000",
            "periodEnd=202601151300",
        ] {
            assert!(asked.contains(part), "{part} is not in {asked}");
        }
    }

    #[test]
    fn an_acknowledgement_says_that_there_is_nothing() {
        let server = Server::start(|_| Reply::ok(include_str!("shapes/entsoe-nothing.xml")));
        let error = de(&server).fetch(NOW_MS).unwrap_err();
        assert!(
            matches!(&error, SignalError::Empty { detail, .. } if detail.starts_with("999 No matching data")),
            "{error}"
        );
    }

    #[test]
    fn the_token_is_in_no_error() {
        let echo =
            |request: &server::Request| Reply::status(401, &format!("<html>{} is not allowed</html>", request.path));
        let refused = de(&Server::start(echo)).fetch(NOW_MS).unwrap_err();
        let gone = de(&Server::start(|_| Reply::close())).fetch(NOW_MS).unwrap_err();
        let shape = de(&Server::start(|request| Reply::ok(&request.path))).fetch(NOW_MS).unwrap_err();
        let nobody = provider("kind = 'entsoe'\nzone = 'DE'\ntoken = 'c0ffee-77'\nurl = 'http://127.0.0.1:1/api'");
        let nobody = { nobody }.fetch(NOW_MS).unwrap_err();
        let nowhere =
            provider("kind = 'entsoe'\nzone = 'DE'\ntoken = 'c0ffee-77'\nurl = 'no url'").fetch(NOW_MS).unwrap_err();
        for error in [refused, gone, shape, nobody, nowhere] {
            assert!(!format!("{error:?} {error}").contains("c0ffee"), "{error:?}");
        }
    }

    #[test]
    fn an_answer_about_another_area_is_refused() {
        let other = include_str!("shapes/entsoe-a75.xml").replace("10Y1001A1001A83F", "10YFR-RTE------C");
        let server = Server::start(move |_| Reply::ok(&other));
        let error = de(&server).fetch(NOW_MS).unwrap_err();
        assert!(matches!(&error, SignalError::Zone { detail, .. } if detail.contains("10YFR")), "{error}");
    }
}

#[test]
fn a_service_that_does_not_answer_in_time_is_out_of_reach() {
    let server = Server::start(|_| Reply::never());
    let source: SourceSettings =
        toml::from_str(&format!("kind = 'uk-carbon-intensity'\nurl = '{}'", server.url())).unwrap();
    let error = source.open(200).unwrap().fetch(NOW_MS).unwrap_err();
    assert!(matches!(error, SignalError::Unreachable { .. }), "{error}");
}

#[test]
fn a_redirect_is_not_followed_with_the_token() {
    let elsewhere = Server::start(|_| Reply::ok("{}"));
    let location: &'static str = Box::leak(format!("{}/steal", elsewhere.url()).into_boxed_str());
    let server = Server::start(move |_| Reply { headers: vec![("Location", location)], ..Reply::status(302, "") });
    let settings = format!("kind = 'electricity-maps'\nzone = 'DE'\ntoken = 'sesame'\nurl = '{}'", server.url());
    let error = provider(&settings).fetch(NOW_MS).unwrap_err();
    assert!(matches!(error, SignalError::Status { status: 302, .. }), "{error}");
    assert!(elsewhere.asked().is_empty());
}

/// The whole way: a service that works, fails for a day and comes back, and what the follower makes of it.
#[test]
fn an_outage_ends_in_the_annual_factor_and_says_so() {
    let server = Server::start(|request| match request.number {
        1 => Reply::ok(include_str!("shapes/uk-national.json")),
        2..=40 => Reply::status(503, "down"),
        _ => Reply::ok(&include_str!("shapes/uk-national.json").replace("2026-01-15", "2026-01-17")),
    });
    let text = format!("[source]\nkind = 'uk-carbon-intensity'\nurl = '{}'", server.url());
    let settings: CarbonSettings = toml::from_str(&text).unwrap();
    let (mut provider, mut follower) = settings.open().unwrap().unwrap();
    let mut told = Vec::new();
    let end_ms = NOW_MS + 48 * 60 * MINUTE_MS;
    let mut now_ms = NOW_MS;
    while now_ms <= end_ms {
        let failed = if follower.is_due(now_ms) { follower.answered(now_ms, provider.fetch(now_ms)) } else { None };
        let (outlook, changed) = follower.outlook(now_ms);
        for notice in [failed, changed].into_iter().flatten() {
            let kind = match &notice {
                Notice::Failed { .. } => "failed",
                Notice::FellBack { source, .. } if source.contains("the mean of GB in") => "fell back",
                Notice::FellBack { .. } => "fell back somewhere else",
                Notice::Fresh { .. } => "fresh",
            };
            if told.last() != Some(&kind) {
                told.push(kind);
            }
        }
        assert_eq!(
            outlook.current.origin == Origin::Annual,
            told.contains(&"fell back") && told.last() != Some(&"fresh")
        );
        now_ms += MINUTE_MS;
    }
    assert_eq!(told, ["fresh", "failed", "fell back", "failed", "fresh"]);
}
