INSERT INTO request(id, request_id, start_ns, wall_ns, own_ns, cpu_ns, process, seq, route, revision, status, flags, level, weight,
                    statements, sql_ns, bytes_out, exception_type, detailed, extra)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
