-- What every instance starts with. Written once: what an administrator deletes stays deleted.

INSERT INTO "statuses" ("id", "kind", "value", "label", "stage", "color", "can_delete", "position") VALUES
  ('01900000-0000-7000-8000-000000000101', 'alert', 'new', 'New', 'New', '#3b82f6', false, 0),
  ('01900000-0000-7000-8000-000000000102', 'alert', 'in-progress', 'In progress', 'InProgress', '#f59e0b', false, 1),
  ('01900000-0000-7000-8000-000000000103', 'alert', 'imported', 'Imported', 'Closed', '#22c55e', false, 2),
  ('01900000-0000-7000-8000-000000000104', 'alert', 'false-positive', 'False positive', 'Closed', '#94a3b8', true, 3),
  ('01900000-0000-7000-8000-000000000105', 'alert', 'duplicate', 'Duplicate', 'Closed', '#a855f7', true, 4),
  ('01900000-0000-7000-8000-000000000106', 'alert', 'closed', 'Closed', 'Closed', '#64748b', false, 5),
  ('01900000-0000-7000-8000-000000000201', 'case', 'new', 'New', 'New', '#3b82f6', false, 0),
  ('01900000-0000-7000-8000-000000000202', 'case', 'in-progress', 'In progress', 'InProgress', '#f59e0b', false, 1),
  ('01900000-0000-7000-8000-000000000203', 'case', 'on-hold', 'On hold', 'InProgress', '#eab308', true, 2),
  ('01900000-0000-7000-8000-000000000204', 'case', 'resolved', 'Resolved', 'Closed', '#22c55e', false, 3),
  ('01900000-0000-7000-8000-000000000205', 'case', 'false-positive', 'False positive', 'Closed', '#94a3b8', true, 4),
  ('01900000-0000-7000-8000-000000000206', 'case', 'duplicated', 'Duplicated', 'Closed', '#a855f7', true, 5),
  ('01900000-0000-7000-8000-000000000207', 'case', 'other', 'Other', 'Closed', '#64748b', true, 6);

INSERT INTO "observable_types" ("name", "label", "category", "is_attachment", "can_delete") VALUES
  ('ip', 'IP address', 'network', false, false),
  ('domain', 'Domain', 'network', false, false),
  ('fqdn', 'Fully qualified domain name', 'network', false, false),
  ('hostname', 'Host name', 'network', false, false),
  ('url', 'URL', 'network', false, false),
  ('uri_path', 'URI path', 'network', false, false),
  ('email', 'E-mail address', 'email', false, false),
  ('mail', 'Mail', 'email', false, false),
  ('mail-subject', 'Mail subject', 'email', false, false),
  ('hash', 'Hash', 'file', false, false),
  ('file', 'File', 'file', true, false),
  ('filename', 'File name', 'file', false, false),
  ('registry', 'Registry key', 'host', false, false),
  ('user-agent', 'User agent', 'network', false, false),
  ('autonomous-system', 'Autonomous system', 'network', false, false),
  ('regexp', 'Regular expression', 'other', false, false),
  ('other', 'Other', 'other', false, false);
