# What Rails does for db:schema:dump, db:structure:dump and db:structure:load.
#
#   ruby rails.rb schema                       prints schema.rb of PGDATABASE
#   ruby rails.rb dump FILE [PATH [SETTINGS]]  writes structure.sql, with schema_search_path PATH and the initializer SETTINGS
#   ruby rails.rb load FILE                    into PGDATABASE
require "active_record"
require "stringio"

command, file, path, settings = ARGV
tasks = ActiveRecord::Tasks::DatabaseTasks
tasks.root = tasks.db_dir = Dir.pwd
ActiveRecord::Base.establish_connection({ adapter: "postgresql", host: ENV["PGHOST"], username: ENV["PGUSER"], database: ENV["PGDATABASE"],
                                          schema_search_path: path }.compact)
load settings if settings

case command
when "schema" then ActiveRecord::SchemaDumper.dump(ActiveRecord::Base.connection, $stdout)
when "dump" then tasks.structure_dump(ActiveRecord::Base.connection_db_config, file)
when "load" then tasks.structure_load(ActiveRecord::Base.connection_db_config, file)
end
