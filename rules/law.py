"""The Rules paragraph by paragraph: what each asks for in our words, what serves it, or why software cannot.

`nesie law` prints it together with the modules whose docstrings cite the paragraph; a test fails on a gap, and on a
citation of a paragraph that does not exist. The paragraphs are those of the edition in force; `otherwise` says what
the other editions ask for instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LAST = 37
CHAPTER_3 = 14


@dataclass(frozen=True)
class Paragraph:
    """One paragraph. asks: in our own words. tests: files that show it, from the root of the project.

    clocks: names in rules.clocks. not_software: why no code serves it, or not all of it. open: what is still to be
    built. otherwise: name of an edition -> what it asks for instead.
    """

    number: int
    asks: str
    tests: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    not_software: str | None = None
    open: str | None = None
    otherwise: Mapping[str, str] = field(default_factory=dict)


_ORGANISATION = "an internal document and duty of the organisation"
_NO_CHAPTER_3 = {"2021": "the requirements to the information system are fewer; chapter 3 as it stands came in 2023"}

PARAGRAPHS: tuple[Paragraph, ...] = (
    Paragraph(1, "on which law the Rules stand", not_software="names the subject; asks for nothing"),
    Paragraph(2, "the terms used", not_software="definitions; the code uses the same terms"),
    Paragraph(
        3,
        "microcredits are given electronically only through the information system, in the client's personal account",
        ("tests/e2e/test_first_loan.py", "tests/api/test_matrix.py"),
    ),
    Paragraph(
        4,
        "the regulator is told 10 working days before a web resource, an application or a terminal opens",
        ("tests/rules/test_clocks.py", "tests/workflows/test_resource_notice.py"),
        ("P4",),
    ),
    Paragraph(
        5,
        "and as long before what was told changes",
        ("tests/rules/test_clocks.py", "tests/workflows/test_resource_notice.py"),
        ("P5",),
    ),
    Paragraph(
        6,
        "registration: data, photograph, comparison with the state's register, biometrics and signature; changes of "
        "phone or account by the same means; later log-ins by password, token or one-time code; an IIN or BIN never "
        "changes",
        (
            "tests/e2e/test_first_loan.py",
            "tests/e2e/test_bad_uploads.py",
            "tests/e2e/test_staff_reviews.py",
            "tests/workflows/test_registration.py",
            "tests/workflows/test_details_change.py",
            "tests/workflows/test_organisations.py",
            "tests/rules/test_identification.py",
            "tests/activities/test_authorities.py",
            "tests/activities/test_account_changes.py",
            "tests/storage/test_numbers_stay.py",
            "tests/rules/test_log_in.py",
            "tests/api/test_log_in.py",
            "tests/api/test_passkeys.py",
            "tests/storage/test_factors.py",
        ),
        otherwise={
            "2021": "one of signature, biometrics through the identity centre, two factors; the account belongs to "
            "registration",
            "2023": "two of three methods, biometrics among them",
            "2024a": "as 2023",
            "2024b": "two methods; without two factors, face and signature remain",
        },
    ),
    Paragraph(
        7,
        "the personal account: apply, read, follow, see the debt, ways to pay, messages",
        (
            "tests/api/test_loan_figures.py",
            "tests/activities/test_preview_contract_booked.py",
            "tests/api/test_matrix.py",
            "tests/workflows/test_complaint.py",
            "tests/e2e/test_promises_to_clients.py",
        ),
        ("arrears-notice", "restructuring-answer", "complaint-answer"),
    ),
    Paragraph(
        8,
        "before the loan: due diligence, texts, every payment, schedules by each method, way of receiving, voluntary "
        "refusal",
        ("tests/workflows/test_origination.py", "tests/rules/test_due_diligence.py", "tests/e2e/test_evidence.py"),
        otherwise={"2021": "no look-up of a voluntary refusal", "2023": "no look-up of a voluntary refusal"},
    ),
    Paragraph(
        9,
        "contract and issue: biometrics and signature, of an entrepreneur for the business biometrics alone; own "
        "account, cash after identification, or a seller",
        (
            "tests/rules/test_identification.py",
            "tests/workflows/test_organisations.py",
            "tests/e2e/test_first_loan.py",
            "tests/e2e/test_channels.py",
            "tests/activities/test_payouts.py",
            "tests/activities/test_merchants.py",
            "tests/activities/test_cash_identification.py",
        ),
        otherwise={
            "2021": "signature, password or a one-time code",
            "2023": "two of three methods",
            "2024a": "two of three methods",
            "2024b": "face and signature; the owner of the account is not asked for",
        },
    ),
    Paragraph(
        10,
        "refusal by the law against money laundering, and where the client refused loans of their own will",
        ("tests/activities/test_screening.py", "tests/e2e/test_stopped.py"),
        otherwise={"2021": "no voluntary refusal", "2023": "no voluntary refusal"},
    ),
    Paragraph(
        11,
        "distortions are found out, secrecy is kept, nobody else can use a client's data",
        (
            "tests/storage/test_archive_and_documents.py",
            "tests/storage/test_vault_and_rotation.py",
            "tests/cli/test_doctor.py",
        ),
    ),
    Paragraph(
        12,
        "on request a confirmation that documents were sent and received",
        ("tests/e2e/test_evidence.py",),
    ),
    Paragraph(
        13,
        "incidents told and dealt with; interest, claims and bureau stand still on an investigator's word; debt "
        "written off and all returned on a verdict",
        (
            "tests/rules/test_clocks.py",
            "tests/workflows/test_fraud_suspension.py",
            "tests/workflows/test_write_off.py",
            "tests/workflows/test_incident.py",
            "tests/e2e/test_fraud.py",
            "tests/e2e/test_write_off.py",
        ),
        ("P13.1-inform", "P13.1-act", "P13.2", "P13.4", "lender-breach", "ombudsman"),
        otherwise={"2021": "no terms for suspension and write-off"},
    ),
    Paragraph(
        14,
        "the system has a web application, a mobile application and a server of programming interfaces",
        ("tests/api/test_door.py",),
        open="the web pages and the mobile application",
        otherwise=_NO_CHAPTER_3,
    ),
    Paragraph(15, "development by an internal document", not_software=_ORGANISATION),
    Paragraph(16, "what others develop is answered for", not_software=_ORGANISATION),
    Paragraph(
        17,
        "source code in a repository inside the perimeter, with backup",
        not_software="where the lender hosts the code",
    ),
    Paragraph(18, "security tests are a mandatory stage", ("tests/test_law.py",)),
    Paragraph(19, "static analysis of the source code", ("tests/test_law.py",)),
    Paragraph(
        20,
        "analysis of components for known vulnerabilities",
        ("tests/test_law.py",),
        open="packages are pinned with hashes; they are not compared with a list of known vulnerabilities",
    ),
    Paragraph(
        21, "what is found is mended, the critical before release", not_software=f"{_ORGANISATION}; red builds stop"
    ),
    Paragraph(
        22,
        "versions and test results of three years at hand",
        not_software="the lender's repository and build server keep them",
    ),
    Paragraph(23, "exchange under TLS 1.2 or newer", not_software="ended by the lender's proxy in front of the server"),
    Paragraph(
        24,
        "web application: owner, no credentials kept in the browser, masked secrets, advice, safe errors",
        ("tests/api/test_sessions.py", "tests/api/test_problems.py"),
        open="owner and advice on the log-in page come with the web pages",
    ),
    Paragraph(
        25,
        "mobile application: integrity, updates, safe storage, notices of log-ins and changes of access, place of a "
        "money operation",
        ("tests/api/test_log_in.py", "tests/api/test_recovery.py"),
        open="the mobile application; the notices are served",
    ),
    Paragraph(
        26,
        "server: safe errors, identified applications and devices, validated data",
        (
            "tests/api/test_problems.py",
            "tests/api/test_door.py",
            "tests/e2e/test_bad_uploads.py",
            "tests/api/test_log_in.py",
        ),
    ),
    Paragraph(27, "staff see what their duty needs", ("tests/api/test_matrix.py", "tests/api/test_temporal_ui.py")),
    Paragraph(
        28, "staff are identified and authenticated", ("tests/api/test_temporal_ui.py", "tests/api/test_sessions.py")
    ),
    Paragraph(
        29,
        "accounts and passwords are managed, accounts blocked",
        ("tests/api/test_sessions.py", "tests/cli/test_record_commands.py"),
    ),
    Paragraph(30, "technical support with updates", not_software="a contract between lender and vendor"),
    Paragraph(
        31,
        "backup that restores a working copy",
        open="a command that takes and tries a backup; PostgreSQL and S3 have their own",
    ),
    Paragraph(
        32,
        "an audit trail that cannot be changed, technically too",
        ("tests/storage/test_audit.py", "tests/storage/test_schema_and_rights.py", "tests/activities/test_bundles.py"),
    ),
    Paragraph(33, "antivirus or integrity control on work stations", not_software="the lender's work stations"),
    Paragraph(
        34,
        "documents and biometric data whole and secret, as they were made, five years after the obligations end",
        (
            "tests/storage/test_archive_and_documents.py",
            "tests/e2e/test_documents_stay.py",
            "tests/activities/test_disposal.py",
        ),
        otherwise={"2021": "no biometric data", "2023": "no biometric data", "2024a": "no biometric data"},
    ),
    Paragraph(
        35,
        "no picture or recording passes for a face: control movements that never repeat",
        (
            "tests/activities/test_liveness.py",
            "tests/activities/test_liveness_attacks.py",
            "tests/activities/test_check_face.py",
            "tests/activities/test_faces.py",
        ),
        otherwise={"2021": "what two factors are", "2023": "what two factors are", "2024a": "what two factors are"},
    ),
    Paragraph(
        36,
        "when personal data is known to have leaked: biometrics again, owner of the phone, a call",
        (
            "tests/workflows/test_leak.py",
            "tests/activities/test_incident_leaks.py",
            "tests/e2e/test_promises_to_clients.py",
        ),
        ("leak-response",),
        otherwise={"2021": "no such paragraph", "2023": "no such paragraph", "2024a": "no such paragraph"},
    ),
    Paragraph(
        37,
        "hosted elsewhere: encrypted, opened on the lender's side alone, keys with the lender",
        ("tests/storage/test_vault_and_rotation.py", "tests/infra/test_codec.py"),
        otherwise={"2021": "no such paragraph", "2023": "no such paragraph", "2024a": "no such paragraph"},
    ),
)
