// Prisma's schema engine as WebAssembly, through its adapter for node-postgres: the native engine is no package, but a download.
import pg from 'pg';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import { defineConfig } from 'prisma/config';

const CHAR = 18;

// The adapter is made for application tables, and does not know the type "char" of the catalogs.
async function adapter() {
  const factory = new PrismaPg({ connectionString: process.env.DATABASE_URL });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    const [queryRaw, performIO] = [connection.queryRaw.bind(connection), connection.performIO.bind(connection)];
    let chars = [];
    connection.performIO = async (query) => {
      const result = await performIO(query);
      chars = result.fields.map((field) => field.dataTypeID === CHAR);
      for (const field of result.fields) if (field.dataTypeID === CHAR) field.dataTypeID = pg.types.builtins.TEXT;
      return result;
    };
    connection.queryRaw = async (query) => {
      const result = await queryRaw(query);
      result.columnTypes = result.columnTypes.map((type, at) => (chars[at] ? ColumnTypeEnum.Character : type));
      return result;
    };
    return connection;
  };
  return factory;
}

export default defineConfig({ schema: 'schema.prisma', experimental: { adapter: true }, engine: 'js', adapter });
