-- A member is found by the subject alone: `/v1/members/{subject}` names one person, and the records of a subject are one person's.
--
-- Two issuers may both know a `sub` "1". Were both let in, each would find the other's questions in an export; so a workspace knows
-- a subject once, under the issuer that an admin named.
CREATE UNIQUE INDEX members_of_subject ON dbrag.members (workspace_id, subject);
