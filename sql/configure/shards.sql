-- Attached tables, and tables that these reach, that Citus distributes: the shards of each that live on this node.
SELECT jsonb_object_agg(t.relation, jsonb_build_object(
    'everywhere', t.everywhere, 'column', a.attname, 'type_id', a.atttypid::int8, 'collation', a.attcollation::int8,
    'shards', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                          'relation', n.relation, 'position', n.place, 'low', n.low, 'high', n.high,
                          'taken_in', EXISTS (SELECT FROM leadscore.node_shard k WHERE k.shard_id = n.shard_id)) ORDER BY n.place), '[]')
               FROM leadscore._local_shards(t.relation) n)))::text
FROM (SELECT d.logicalrelid::oid::int8 AS relation, d.repmodel = 't' AS everywhere, column_to_column_name(d.logicalrelid, d.partkey) AS column_name
      FROM pg_dist_partition d
      WHERE d.logicalrelid IN (SELECT s.source FROM leadscore.source s UNION SELECT x.relation FROM leadscore.source_step x)) t
LEFT JOIN pg_attribute a ON a.attrelid = t.relation AND a.attname = t.column_name AND leadscore._is_plain_type(a.atttypid)
