using System.Buffers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;

namespace Stele.Server.Gateway;

/// <summary>
/// The memory that connections read into and write from, zeroed when it is given back: values of secrets pass through it, and
/// would stay in it until another request happened to use the same block. Blocks are 4 KiB, so that this is a fraction of a microsecond.
/// </summary>
internal sealed class ZeroingMemory : IMemoryPoolFactory<byte>
{
    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

    sealed class Pool : MemoryPool<byte>
    {
        const int BlockBytes = 4_096;
        const int KeptBlocks = 16_384;

        readonly System.Collections.Concurrent.ConcurrentQueue<Block> kept = new();
        int count;

        public override int MaxBufferSize => BlockBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
            if (!kept.TryDequeue(out var block)) return new Block(this);
            Interlocked.Decrement(ref count);
            block.Taken();
            return block;
        }

        protected override void Dispose(bool disposing) => kept.Clear();

        void Give(Block block)
        {
            if (Interlocked.Increment(ref count) <= KeptBlocks) kept.Enqueue(block);
            else Interlocked.Decrement(ref count);
        }

        sealed class Block(Pool pool) : IMemoryOwner<byte>
        {
            readonly byte[] array = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);
            int isGiven;

            public Memory<byte> Memory => array;

            public void Taken() => isGiven = 0;

            public void Dispose()
            {
                if (Interlocked.Exchange(ref isGiven, 1) == 1) return;
                CryptographicOperations.ZeroMemory(array);
                pool.Give(this);
            }
        }
    }
}
