"""Search attributes of the cases: what staff filter the list of Temporal UI by.

They are not encrypted, and the list shows nothing else of a case: never personal data. PostgreSQL and
SQLite allow ten of Keyword and three of Datetime and of Bool in a namespace.
"""

from __future__ import annotations

from datetime import datetime

from temporalio.common import SearchAttributeKey

CASE_KIND: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("CaseKind")
STAGE: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("Stage")
DEADLINE: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("Deadline")
DEADLINE_RULE: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("DeadlineRule")
NEEDS_PERSON: SearchAttributeKey[bool] = SearchAttributeKey.for_bool("NeedsPerson")
EDITION: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("Edition")
